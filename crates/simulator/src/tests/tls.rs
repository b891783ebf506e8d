//! TLS, with HTTP/2 and HTTP/1.1 by ALPN.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use serde_json::json;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::client::{Client, OPENAI, SOON, body, text_of};
use crate::{
    Fault, FaultRule, Persona, ScriptedReply, Simulator, SimulatorError, SimulatorHandle, TlsIdentity,
};

struct Tls {
    simulator: SimulatorHandle,
    trusted: RootCertStore,
}

async fn start() -> Tls {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut trusted = RootCertStore::empty();
    trusted.add(made.cert.der().clone()).unwrap();
    let identity =
        TlsIdentity::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes())
            .unwrap();
    let simulator = Simulator::builder()
        .model("m", Persona::new().reply(ScriptedReply::new("hello")))
        .model("stuck", Persona::new().fault(FaultRule::always(Fault::StallMidBody { after_events: 1 })))
        .tls(identity)
        .start()
        .await
        .unwrap();
    Tls { simulator, trusted }
}

impl Tls {
    async fn connect(&self, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(self.trusted.clone()).with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.simulator.address()).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }
}

#[tokio::test]
async fn http1_is_spoken_where_the_client_wants_it() {
    let tls = start().await;
    assert!(tls.simulator.base_url().starts_with("https://"));
    let mut client = Client::over(tls.connect(b"http/1.1").await.unwrap()).await;
    assert_eq!(text_of(&client.ask(OPENAI, &body(OPENAI, "x", &json!({}))).await), "hello");
    assert!(!tls.simulator.requests()[0].http2);
}

#[tokio::test]
async fn http2_is_spoken_and_a_dropped_stream_is_a_cancelled_call() {
    let tls = start().await;
    let stream = tls.connect(b"h2").await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _ = connection.await;
    });
    let request = |model: &str| {
        let body = body(OPENAI, "x", &json!({"stream": true, "model": model})).to_string();
        let request =
            Request::post(format!("https://localhost{OPENAI}")).header("content-type", "application/json");
        request.body(Full::<Bytes>::from(body)).unwrap()
    };
    let reply = sender.send_request(request("m")).await.unwrap();
    let text = reply.into_body().collect().await.unwrap().to_bytes();
    assert!(text.ends_with(b"data: [DONE]\n\n"));
    assert!(tls.simulator.requests()[0].http2);
    let mut reply = sender.send_request(request("stuck")).await.unwrap();
    reply.body_mut().frame().await.unwrap().unwrap();
    drop(reply);
    let stats = tls.simulator.wait_for(SOON, |stats| stats.calls_in_flight == 0).await.unwrap();
    assert_eq!((stats.calls_finished, stats.calls_cancelled, stats.connections_open), (1, 1, 1));
}

#[tokio::test]
async fn a_failed_handshake_is_counted() {
    let mut tls = start().await;
    tls.trusted = RootCertStore::empty();
    tls.connect(b"h2").await.unwrap_err();
    let stats = tls
        .simulator
        .wait_for(SOON, |stats| stats.connections_open == 0 && stats.tls_handshakes_failed == 1)
        .await
        .unwrap();
    assert_eq!(stats.calls_started, 0);
}

#[tokio::test]
async fn a_wrong_identity_is_an_error_before_the_start() {
    assert!(matches!(TlsIdentity::from_pem(b"", b""), Err(SimulatorError::Tls { .. })));
    let one = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mixed =
        TlsIdentity::from_der(vec![one.cert.der().to_vec()], other.signing_key.serialize_der()).unwrap();
    assert!(matches!(Simulator::builder().tls(mixed).start().await, Err(SimulatorError::Tls { .. })));
}

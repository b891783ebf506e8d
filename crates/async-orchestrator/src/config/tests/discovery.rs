//! Servers on loopback are found when they list models, and nothing else is.

use std::sync::Arc;

use async_orchestrator_core::test_util::ManualClock;
use async_orchestrator_providers::{Transport, TransportConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::config::{Environment, discover, discover::servers};

/// Answers one request with `reply`, or never if there is none.
async fn serve(listener: TcpListener, reply: Option<&str>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = [0; 1024];
    let count = stream.read(&mut request).await.unwrap();
    assert!(request[..count].starts_with(b"GET /v1/models HTTP/1.1\r\n"));
    let Some(body) = reply else { return std::future::pending().await };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_server_is_found_by_its_list_of_models() {
    let clock = ManualClock::new();
    let transport = Transport::new(TransportConfig::default(), Arc::new(clock.clone())).unwrap();
    let mut listeners = Vec::new();
    for _ in 0..4 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let port = |index: usize| listeners[index].local_addr().unwrap().port();
    let names = ["good", "web", "silent", "closed"];
    let known: Vec<(&str, &str, u16)> =
        names.iter().enumerate().map(|(index, name)| (*name, "Product", port(index))).collect();
    let good_port = port(0);
    drop(listeners.pop());
    let mut listeners = listeners.into_iter();
    let mut next = |reply| serve(listeners.next().unwrap(), reply);
    let good = next(Some(r#"{"object":"list","data":[{"id":"qwen3:8b"},{"id":"a,b"}]}"#));
    let (web, silent) = (next(Some("<html>hello</html>")), next(None));
    // The silent server is given up when the time is up, which is when nobody else has anything left to do.
    let patience = async {
        good.await;
        web.await;
        while clock.sleepers() < 1 {
            tokio::task::yield_now().await;
        }
        loop {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            clock.advance_to_next();
        }
    };
    let found = tokio::select! {
        found = servers(&known, &transport, &clock) => found,
        () = patience => unreachable!(),
        () = silent => unreachable!(),
    };
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].provider, "good");
    assert_eq!(found[0].base_url, format!("http://127.0.0.1:{good_port}/v1"));
    assert_eq!(found[0].models, ["qwen3:8b"]);
}

#[tokio::test]
async fn keys_are_found_by_name_alone() {
    let environment: Environment =
        [("OPENAI_API_KEY", "sk-secret"), ("ANTHROPIC_API_KEY", "")].into_iter().collect();
    let clock = ManualClock::new();
    let transport = Transport::new(TransportConfig::default(), Arc::new(clock.clone())).unwrap();
    let found = tokio::select! {
        found = discover(&environment, &transport, &clock) => found,
        () = async { loop { tokio::task::yield_now().await; clock.advance_to_next(); } } => unreachable!(),
    };
    assert_eq!(found.keys.len(), 1);
    assert_eq!(
        (found.keys[0].provider.as_str(), found.keys[0].variable.as_str()),
        ("openai", "OPENAI_API_KEY")
    );
    assert!(!format!("{found:?}").contains("sk-secret"));
}

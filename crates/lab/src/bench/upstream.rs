//! The other processes of a benchmark: the simulator that is called, and a gateway that does nothing.

use std::{convert::Infallible, time::Duration};

use anyhow::Result;
use async_orchestrator_simulator::{Distribution, Latency, Persona, ScriptedReply, Simulator};
use bytes::Bytes;
use http::{Request, Response, Uri, uri::PathAndQuery};
use http_body_util::{BodyExt, Either, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinSet};

/// A model that answers at once with about 200 tokens, a stream in about 67 events, all written together.
pub(super) const BURST: &str = "burst";
/// The same reply, a stream in one event: what is left of a streamed call without its events.
pub(super) const SINGLE: &str = "single";
/// The same reply, each event 1 ms after the one before, so that each is a packet and a read of its own.
pub(super) const PACED: &str = "paced";
/// The same reply: the first event at once, the rest within 4 ms.
pub(super) const PROMPT: &str = "prompt";
/// Answers what a council asks, at once.
pub(super) const COUNCIL: &str = "council";
/// Answers what a council asks, after 3 s.
pub(super) const SLOW: &str = "slow";

/// Tokens of one event.
const TOKENS_PER_EVENT: usize = 3;
const PACE: Duration = Duration::from_millis(67);
/// The latency of [`SLOW`].
pub(super) const SLOW_TAKES: Duration = Duration::from_secs(3);

/// Runs the simulator until standard input ends.
pub(super) async fn simulator() -> Result<()> {
    let reply = || Persona::new().reply(ScriptedReply::new(text())).tokens_per_delta(TOKENS_PER_EVENT);
    let tail = Latency {
        first_token: Some(Distribution::fixed(Duration::ZERO)),
        total: Some(Distribution::fixed(Duration::from_millis(4))),
        ..Latency::default()
    };
    let simulator = Simulator::builder()
        .seed(7)
        .requests_recorded_max(0)
        .model(BURST, reply())
        .model(SINGLE, reply().tokens_per_delta(100_000))
        .model(PACED, reply().latency(Latency::fixed(PACE)))
        .model(PROMPT, reply().latency(tail))
        .model(COUNCIL, Persona::new())
        .model(SLOW, Persona::new().latency(Latency::fixed(SLOW_TAKES)))
        .start()
        .await?;
    announce(&simulator.address().to_string());
    end_of_input().await;
    Ok(())
}

/// Hands every request to `upstream` and every reply back, until standard input ends.
pub(super) async fn gateway(upstream: String) -> Result<()> {
    let client = client();
    listen(move |request| pass(client.clone(), upstream.clone(), request)).await
}

/// Takes every request and answers that it is well, as a receiver of spans does.
pub(super) async fn receiver() -> Result<()> {
    listen(|request: Request<Incoming>| async move {
        let taken = whole(request.into_body()).await;
        let mut response = Response::new(Either::Right(Full::default()));
        if taken.is_err() {
            *response.status_mut() = http::StatusCode::BAD_REQUEST;
        }
        Ok(response)
    })
    .await
}

async fn listen<H, F>(handle: H) -> Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<Passed>, Infallible>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    announce(&listener.local_addr()?.to_string());
    let mut connections = JoinSet::new();
    let accept = async {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let handle = handle.clone();
            connections.spawn(async move {
                let serve = service_fn(handle);
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = end_of_input() => {}
    }
    Ok(())
}

type Passed = Either<Incoming, Full<Bytes>>;

async fn pass(
    client: Client<HttpConnector, Incoming>,
    upstream: String,
    mut request: Request<Incoming>,
) -> Result<Response<Passed>, Infallible> {
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    if let Ok(uri) = format!("http://{upstream}{path}").parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    let Ok(response) = client.request(request).await else {
        let mut response = Response::new(Either::Right(Full::default()));
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        return Ok(response);
    };
    Ok(response.map(Either::Left))
}

/// hyper's pooled client with nothing around it.
pub(super) fn client<B>() -> Client<HttpConnector, B>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn announce(address: &str) {
    println!("{address}");
}

async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut buffer = [0; 64];
    while input.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// About 200 tokens.
fn text() -> String {
    let sentence =
        "Water on the outer bank runs faster and takes soil away, and on the inner one it leaves soil. ";
    sentence.repeat(8)
}

/// Reads a whole body.
pub(super) async fn whole(body: Incoming) -> Result<Bytes> {
    Ok(body.collect().await?.to_bytes())
}

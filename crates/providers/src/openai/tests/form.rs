//! The requests as the server sees them, the list of models, and what is known of a model.

use async_orchestrator_core::ReplyFormat;

use super::*;

#[tokio::test]
async fn the_request_has_the_form_of_its_server_and_model() {
    let schema =
        json!({"$id": "urn:x", "type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}});
    let mut asked = question();
    asked.format = ReplyFormat::JsonSchema { name: "reply".to_owned(), schema: schema.into() };
    asked.max_output_tokens = Some(1_000_000);
    asked.temperature = Some(0.7);
    asked.seed = Some(u64::MAX);
    asked.stop = vec!["END".to_owned()];
    let body = async |model: &str, change: &dyn Fn(&mut OpenAiConfig)| {
        let server = Server::play([answer(json_reply("200 OK", "", GOOD))]).await;
        within(provider_of(&server, model, change).complete(&asked, &context())).await.unwrap();
        server.last_body()
    };

    let official = body("gpt-4o", &|_| {}).await;
    assert_eq!(
        official,
        json!({
            "model": "gpt-4o",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Which river flows through Cologne?"},
            ],
            "max_completion_tokens": 16_384, "temperature": 0.7, "seed": 9_223_372_036_854_775_807_u64, "stop": ["END"],
            "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "strict": true, "schema": {
                "type": "object", "required": ["a"], "additionalProperties": false,
                "properties": {"a": {"type": "string", "description": "maxLength: 3"}},
            }}},
            "store": false, "stream": false,
        })
    );
    let reasoning = body("gpt-6.1-sol", &|_| {}).await;
    assert!(reasoning.get("temperature").is_none() && reasoning.get("seed").is_none(), "{reasoning}");

    let local = body("qwen3:8b", &|config| config.dialect = OpenAiDialect::Compatible).await;
    assert_eq!(local["messages"][0]["role"], "system");
    assert_eq!((&local["max_tokens"], local.get("store")), (&json!(1_000_000), None));
    assert_eq!(
        local["response_format"]["json_schema"]["schema"],
        json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}})
    );

    let object =
        body("gpt-4o", &|config| config.structured_output = Some(StructuredOutput::JsonObject)).await;
    assert_eq!(object["response_format"], json!({"type": "json_object"}));
    assert!(object["messages"][2]["content"].as_str().unwrap().contains("JSON"));
    let prompt =
        body("gpt-4o", &|config| config.structured_output = Some(StructuredOutput::PromptOnly)).await;
    assert!(prompt.get("response_format").is_none());
}

#[tokio::test]
async fn a_stream_asks_for_its_usage_and_headers_go_out() {
    let server = Server::play([answer(stream_reply(&good_stream()))]).await;
    let provider = provider_of(&server, "gpt-4o", |config| {
        config.organization = Some("org-1".to_owned());
        config.project = Some("proj-1".to_owned());
        config.headers = vec![("x-tenant".to_owned(), "blue".to_owned().into())];
    });
    drain(within(provider.stream(&question(), &context())).await).await.1.unwrap();
    let body = server.last_body();
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &json!({"include_usage": true})));
    let head = server.requests()[0].to_ascii_lowercase();
    for line in [
        "accept: text/event-stream",
        "openai-organization: org-1",
        "openai-project: proj-1",
        "x-tenant: blue",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
}

#[tokio::test]
async fn the_servers_models_are_listed() {
    let page =
        r#"{"object":"list","data":[{"id":"gpt-4o","object":"model","owned_by":"openai"},{"id":"o3"}]}"#;
    let server = Server::play([
        answer(json_reply("200 OK", "connection: close\r\n", page)),
        answer(json_reply("200 OK", "", "{}")),
    ])
    .await;
    let provider = provider(&server);
    let models = within(provider.list_models()).await.unwrap();
    assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["gpt-4o", "o3"]);
    assert!(server.requests()[0].starts_with("GET /v1/models "));
    assert_eq!(kind(&within(provider.list_models()).await.unwrap_err()), "Malformed");
}

#[test]
fn what_is_known_of_a_model_is_in_its_capabilities() {
    let config = OpenAiConfig::official(KEY.to_owned().into());
    let of = |model: &str| OpenAiProvider::new(transport().0, &config, model, &Catalogue::builtin()).unwrap();
    let known = of("gpt-6.1-sol");
    let known = known.capabilities();
    assert_eq!((known.context_window, known.takes_temperature), (Some(922_000), false));
    assert_eq!(known.price.as_ref().unwrap().input, 2_000_000);
    let unknown = of("gpt-99");
    let unknown = unknown.capabilities();
    assert_eq!(
        (unknown.price.is_none(), unknown.family.as_str(), unknown.takes_temperature),
        (true, "gpt", false)
    );
}

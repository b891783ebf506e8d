//! Reads the standard variables of OpenTelemetry's SDKs (specification 1.4x, "SDK environment variables" and "OTLP exporter").

use std::time::Duration;

use crate::spans::FinishedSpan;

/// A variable has a value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {why}")]
pub struct InvalidTelemetry {
    variable: &'static str,
    why: String,
}

/// Where spans go, and how.
#[derive(Clone, PartialEq)]
pub struct OtlpConfig {
    pub(super) url: String,
    /// May hold keys: never shown.
    pub(super) headers: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) batch_max: usize,
    pub(super) resource: Vec<(String, String)>,
    /// The share of traces that begin here and are sent, 0 to 1.
    ratio: f64,
}

/// What a batch may hold at most, where nothing is set.
const BATCH_MAX: usize = 512;
const TIMEOUT: Duration = Duration::from_secs(10);

impl OtlpConfig {
    /// Reads the variables through `value`. `None` where nothing is to be sent: no endpoint is set, or `OTEL_SDK_DISABLED` or
    /// `OTEL_TRACES_EXPORTER=none` says so.
    ///
    /// Used are `OTEL_EXPORTER_OTLP_ENDPOINT`, `_TRACES_ENDPOINT`, `_HEADERS`, `_TRACES_HEADERS`, `_TIMEOUT`, `_TRACES_TIMEOUT` (milliseconds),
    /// `_PROTOCOL`, `_TRACES_PROTOCOL` (`http/protobuf`), `_COMPRESSION` (`none`), `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
    /// `OTEL_TRACES_SAMPLER` with `OTEL_TRACES_SAMPLER_ARG`, and `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
    ///
    /// # Errors
    /// With the variable whose value cannot be used, and what would be right.
    pub fn read(value: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, InvalidTelemetry> {
        let set = |name: &str| value(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let of_traces = |own: &'static str, all: &'static str| {
            set(own).map(|text| (own, text)).or_else(|| set(all).map(|text| (all, text)))
        };
        if set("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        match set("OTEL_TRACES_EXPORTER").as_deref() {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(other) => {
                return Err(wrong(
                    "OTEL_TRACES_EXPORTER",
                    format!("`{other}` is not supported: otlp or none"),
                ));
            }
        }
        let Some(url) = url(&set)? else { return Ok(None) };
        if let Some((variable, protocol)) =
            of_traces("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
            && protocol != "http/protobuf"
        {
            return Err(wrong(
                variable,
                format!("`{protocol}` is not supported: http/protobuf is spoken here"),
            ));
        }
        if let Some((variable, how)) =
            of_traces("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
            && how != "none"
        {
            return Err(wrong(variable, format!("`{how}` is not supported: leave it out, or set none")));
        }
        let headers = of_traces("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
        let timeout = of_traces("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
        let mut resource = match set("OTEL_RESOURCE_ATTRIBUTES") {
            Some(text) => pairs("OTEL_RESOURCE_ATTRIBUTES", &text)?,
            None => Vec::new(),
        };
        if let Some(name) = set("OTEL_SERVICE_NAME") {
            resource.retain(|(key, _)| key != "service.name");
            resource.push((String::from("service.name"), name));
        }
        if !resource.iter().any(|(key, _)| key == "service.name") {
            resource.push((String::from("service.name"), String::from("async-orchestrator")));
        }
        Ok(Some(Self {
            url,
            headers: headers.map(|(variable, text)| pairs(variable, &text)).transpose()?.unwrap_or_default(),
            timeout: match timeout {
                Some((variable, text)) => Duration::from_millis(number(variable, &text)?),
                None => TIMEOUT,
            },
            batch_max: match set("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") {
                Some(text) => usize::try_from(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &text)?)
                    .unwrap_or(BATCH_MAX)
                    .clamp(1, 8_192),
                None => BATCH_MAX,
            },
            resource,
            ratio: ratio(&set)?,
        }))
    }

    /// Where spans are sent.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the sampler takes the trace of `span`: what it depends on is the trace's id alone, so all spans of a trace share its fate.
    pub(super) fn takes(&self, span: &FinishedSpan) -> bool {
        if self.ratio >= 1.0 {
            return true;
        }
        // As `TraceIdRatioBased` of the SDKs: the last eight bytes, without the sign, against the share of all such numbers.
        let drawn = u64::from_be_bytes(span.trace.0.last_chunk().copied().unwrap_or_default()) >> 1;
        (drawn as f64) < self.ratio * (1_u64 << 63) as f64
    }
}

impl std::fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("OtlpConfig").field("url", &self.url).field("headers", &names).finish_non_exhaustive()
    }
}

fn wrong(variable: &'static str, why: String) -> InvalidTelemetry {
    InvalidTelemetry { variable, why }
}

fn url(set: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, InvalidTelemetry> {
    let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let all = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let (variable, url) = match (set(own), set(all)) {
        // The endpoint of traces is used as it is, the common one gets the path of traces.
        (Some(url), _) => (own, url),
        (None, Some(url)) => (all, format!("{}/v1/traces", url.trim_end_matches('/'))),
        (None, None) => return Ok(None),
    };
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(Some(url));
    }
    Err(wrong(variable, String::from("an address that begins with http:// or https:// is expected")))
}

/// `key=value,key=value`, percent-encoded as in W3C Baggage.
fn pairs(variable: &'static str, text: &str) -> Result<Vec<(String, String)>, InvalidTelemetry> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let (key, value) = (key.trim(), decoded(value.trim())?);
        (!key.is_empty()).then(|| (key.to_owned(), value))
    };
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    // The value may be a key: what is wrong is said without it.
    parts
        .map(|part| {
            pair(part).ok_or_else(|| {
                wrong(variable, String::from("`key=value,key=value` is expected, percent-encoded"))
            })
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
        out.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(out).ok()
}

fn number(variable: &'static str, text: &str) -> Result<u64, InvalidTelemetry> {
    text.parse().map_err(|_| wrong(variable, format!("`{text}` is no whole number")))
}

fn ratio(set: &dyn Fn(&str) -> Option<String>) -> Result<f64, InvalidTelemetry> {
    let sampler = set("OTEL_TRACES_SAMPLER");
    match sampler.as_deref() {
        // What the caller's context says is honoured in any case.
        None | Some("always_on" | "parentbased_always_on") => Ok(1.0),
        Some("always_off" | "parentbased_always_off") => Ok(0.0),
        Some("traceidratio" | "parentbased_traceidratio") => {
            let text = set("OTEL_TRACES_SAMPLER_ARG").unwrap_or_else(|| String::from("1"));
            text.parse()
                .ok()
                .filter(|ratio| (0.0..=1.0).contains(ratio))
                .ok_or_else(|| wrong("OTEL_TRACES_SAMPLER_ARG", format!("`{text}` is no number from 0 to 1")))
        }
        Some(other) => Err(wrong(
            "OTEL_TRACES_SAMPLER",
            format!("`{other}` is not supported: always_on, always_off or traceidratio"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<OtlpConfig>, InvalidTelemetry> {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        OtlpConfig::read(&value)
    }

    #[test]
    fn nothing_is_sent_unless_an_endpoint_is_set() {
        assert_eq!(read(&[]), Ok(None));
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        assert_eq!(read(&[endpoint]).unwrap().unwrap().url(), "http://collector:4318/v1/traces");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://other/spans");
        assert_eq!(read(&[endpoint, own]).unwrap().unwrap().url(), "https://other/spans");
        for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert_eq!(read(&[endpoint, off]), Ok(None));
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_and_no_header_is_shown() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret-without-equals"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"),
        ] {
            let error = read(&[endpoint, (name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let header = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%65cret%20one, x = 2");
        let config = read(&[endpoint, header, ("OTEL_SERVICE_NAME", "mine")]).unwrap().unwrap();
        assert_eq!(
            config.headers,
            [("api-key".to_owned(), "secret one".to_owned()), ("x".to_owned(), "2".to_owned())]
        );
        assert!(!format!("{config:?}").contains("secret one"));
        assert_eq!(config.resource, [("service.name".to_owned(), "mine".to_owned())]);
    }
}

//! Where a provider's requests go and which headers they carry, checked once when the provider is built.

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
};
use secrecy::{ExposeSecret, SecretString};

use crate::InvalidConfig;

/// A checked base URL, without a slash at its end.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    origin: String,
    path: String,
}

impl BaseUrl {
    pub(crate) fn try_new(provider: &str, url: &str) -> Result<Self, InvalidConfig> {
        let text = url.trim();
        let invalid = |problem| InvalidConfig::BaseUrl {
            provider: provider.to_owned(),
            url: without_userinfo(text),
            problem,
        };
        let uri: Uri = text
            .parse()
            .map_err(|_| invalid("is no address: write http://HOST:PORT/v1 or https://HOST/v1"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !matches!(scheme, "http" | "https") {
            return Err(invalid("must begin with http:// or https://"));
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let Some(authority) = authority else { return Err(invalid("names no host")) };
        if authority.as_str().contains('@') {
            return Err(invalid("holds a user name or password: give the key as the provider's key instead"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(invalid("must end with its path: leave `?` and `#` and what follows out"));
        }
        Ok(Self {
            origin: format!("{scheme}://{authority}"),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The same without `suffix`, where it ends in it.
    pub(crate) fn without_suffix(mut self, suffix: &str) -> Self {
        if let Some(path) = self.path.strip_suffix(suffix) {
            self.path = path.to_owned();
        }
        self
    }

    /// The address of `path`, which is ours and begins with a slash.
    pub(crate) fn join(&self, path: &str) -> Uri {
        // Both parts have been parsed or are constants of this crate, so the sum parses.
        format!("{}{}{path}", self.origin, self.path).parse().unwrap_or_default()
    }
}

fn without_userinfo(url: &str) -> String {
    let shown = match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => url.rsplit('@').next().unwrap_or_default().to_owned(),
    };
    // A key pasted into the query is as secret as one in front of the host.
    shown.split(['?', '#']).next().unwrap_or_default().chars().take(100).collect()
}

/// The headers of every request of one provider, and the secrets among them.
#[derive(Clone)]
pub(crate) struct Headers {
    provider: String,
    map: HeaderMap,
    secrets: Vec<SecretString>,
}

impl Headers {
    pub(crate) fn new(provider: &str) -> Self {
        let mut map = HeaderMap::new();
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { provider: provider.to_owned(), map, secrets: Vec::new() }
    }

    pub(crate) fn fixed(&mut self, name: HeaderName, value: HeaderValue) {
        self.map.insert(name, value);
    }

    /// Adds a setting that may be shown.
    pub(crate) fn plain(&mut self, name: HeaderName, what: &str, value: &str) -> Result<(), InvalidConfig> {
        let value = HeaderValue::from_str(value.trim())
            .map_err(|_| self.invalid(what, "holds characters that no header can carry"))?;
        self.map.insert(name, value);
        Ok(())
    }

    /// Adds a secret after `scheme`, marked so that no log shows it and HTTP/2 does not index it.
    pub(crate) fn secret(
        &mut self,
        name: HeaderName,
        what: &str,
        scheme: &str,
        secret: &SecretString,
    ) -> Result<(), InvalidConfig> {
        let text = secret.expose_secret().trim();
        if text.is_empty() {
            return Err(self.invalid(what, "is empty"));
        }
        let mut value = HeaderValue::from_str(&format!("{scheme}{text}"))
            .map_err(|_| self.invalid(what, "holds characters that no header can carry"))?;
        value.set_sensitive(true);
        self.map.insert(name, value);
        self.secrets.push(text.to_owned().into());
        Ok(())
    }

    /// Adds the user's own headers. Their names are checked; their values are secrets.
    pub(crate) fn extra(&mut self, headers: &[(String, SecretString)]) -> Result<(), InvalidConfig> {
        for (name, value) in headers {
            let what = format!("extra header `{}`", name.chars().take(60).collect::<String>());
            let name: HeaderName =
                name.trim().parse().map_err(|_| self.invalid(&what, "has a name that no header can have"))?;
            if [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_TYPE, ACCEPT].contains(&name) {
                return Err(self.invalid(&what, "is set by the transport and cannot be replaced"));
            }
            self.secret(name, &what, "", value)?;
        }
        Ok(())
    }

    pub(crate) fn map(&self) -> &HeaderMap {
        &self.map
    }

    pub(crate) fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }

    fn invalid(&self, what: &str, problem: &'static str) -> InvalidConfig {
        InvalidConfig::Header { provider: self.provider.clone(), what: what.to_owned(), problem }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.map.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_joined_without_doubled_slashes() {
        for base in ["https://api.test/v1", "https://api.test/v1/", " https://api.test/v1// "] {
            let joined = BaseUrl::try_new("p", base).unwrap().join("/models");
            assert_eq!(joined.to_string(), "https://api.test/v1/models", "{base}");
        }
        let bare = BaseUrl::try_new("p", "http://[::1]:8080").unwrap();
        assert_eq!(bare.join("/v1/messages").to_string(), "http://[::1]:8080/v1/messages");
    }

    #[test]
    fn a_wrong_base_url_is_refused_without_showing_its_password() {
        for (url, part) in [
            ("api.test/v1", "is no address"),
            ("ftp://api.test", "must begin with http"),
            ("https://user:hunter2@api.test/v1", "user name or password"),
            ("https://api.test/v1?key=hunter2", "must end with its path"),
            ("http://", "is no address"),
            ("", "is no address"),
        ] {
            let message = BaseUrl::try_new("p", url).unwrap_err().to_string();
            assert!(message.contains(part), "{url}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn a_key_is_sensitive_and_a_bad_one_is_refused_unseen() {
        let mut headers = Headers::new("p");
        let key: SecretString = "sk-very-secret\n".to_owned().into();
        headers.secret(HeaderName::from_static("x-api-key"), "key", "", &key).unwrap();
        assert!(headers.map()["x-api-key"].is_sensitive());
        assert!(!format!("{headers:?}{:?}", headers.map()).contains("very-secret"));
        for bad in ["", " ", "sk-very\nsecret"] {
            let error = headers
                .secret(HeaderName::from_static("x-api-key"), "key", "", &bad.to_owned().into())
                .unwrap_err();
            assert!(!error.to_string().contains("very"), "{error}");
        }
    }
}

//! Holds text back as long as it may become a stop text.

use super::Flow;

/// The texts that end a reply, and what may be the beginning of one.
#[derive(Debug, Default)]
pub(super) struct StopTexts {
    texts: Vec<String>,
    held: String,
}

impl StopTexts {
    pub(super) fn new(texts: &[String]) -> Self {
        let texts = texts.iter().filter(|text| !text.is_empty()).cloned().collect();
        Self { texts, held: String::new() }
    }

    /// What of the held text and `piece` can be shown now.
    pub(super) fn filter(&mut self, piece: String) -> (String, Flow) {
        if self.texts.is_empty() {
            return (piece, Flow::Continue);
        }
        self.held.push_str(&piece);
        if let Some(at) = self.texts.iter().filter_map(|text| self.held.find(text)).min() {
            let shown = self.held[..at].to_owned();
            self.held.clear();
            return (shown, Flow::Stop);
        }
        let starts = self.held.char_indices().map(|(at, _)| at);
        let keep_from = starts
            .filter(|&at| self.texts.iter().any(|text| text.starts_with(&self.held[at..])))
            .min()
            .unwrap_or(self.held.len());
        let rest = self.held.split_off(keep_from);
        (std::mem::replace(&mut self.held, rest), Flow::Continue)
    }

    /// What was held back in vain.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stop: &[&str], pieces: &[&str], shown: &str, ends: Flow) {
        let texts: Vec<String> = stop.iter().map(|&text| text.to_owned()).collect();
        let mut filter = StopTexts::new(&texts);
        let mut seen = String::new();
        for piece in pieces {
            let (part, flow) = filter.filter((*piece).to_owned());
            seen.push_str(&part);
            if flow == Flow::Stop {
                assert_eq!((seen.as_str(), Flow::Stop), (shown, ends));
                return;
            }
        }
        seen.push_str(&filter.rest());
        assert_eq!((seen.as_str(), Flow::Continue), (shown, ends));
    }

    #[test]
    fn a_stop_text_ends_the_reply_wherever_the_pieces_cut_it() {
        check(&["END"], &["one E", "N", "D two"], "one ", Flow::Stop);
        check(&["END", "one"], &["zero one END"], "zero ", Flow::Stop);
        check(&["END"], &["one EN", "C"], "one ENC", Flow::Continue);
        check(&["END"], &["one EN"], "one EN", Flow::Continue);
        check(&["é!"], &["aé", "é!b"], "aé", Flow::Stop);
        check(&[""], &["all"], "all", Flow::Continue);
    }
}

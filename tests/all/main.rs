//! Cross-crate tests through the facade and the command, in one binary.

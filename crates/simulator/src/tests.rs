//! Behaviour over real loopback sockets, seen by a raw client that shares nothing with our providers.

mod client;
mod config;
mod faults;
mod personas;
mod tls;
mod wire;

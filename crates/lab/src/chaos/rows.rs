//! The list of faults, by number.

mod bodies;
mod ends;
mod lives;
mod loads;
mod refusals;
mod times;

use futures_util::FutureExt;

use super::Row;

macro_rules! rows {
    ($($number:literal $name:literal $run:path;)*) => {
        &[$(Row { number: $number, name: $name, run: |combo| $run(combo).boxed() }),*]
    };
}

/// Every row. Those that nothing judges yet say so.
pub(super) const ALL: &[Row] = rows! {
    1 "429 with a hint" refusals::limited_with_a_hint;
    2 "429 without a hint, persistent" refusals::limited_without_a_hint;
    3 "401, 403, 402, used-up quota" refusals::a_dead_key;
    4 "overloaded, as a status and in a stream" refusals::overloaded;
    5 "500 once; 502, 503, 504, HTML for good" refusals::a_failed_server;
    6 "nobody listens; a handshake that stalls" times::no_connection;
    7 "a pooled connection gone stale" bodies::a_stale_connection;
    8 "a reply that is reset or cut" bodies::a_cut_document;
    9 "silence before, at and in the answer" times::silence;
    10 "a stream cut or ended without its end" bodies::a_cut_stream;
    11 "a stream without [DONE]" bodies::without_done;
    12 "events split at every byte" bodies::split_at_every_byte;
    13 "invalid and split UTF-8" bodies::utf8;
    14 "a malformed event in the middle" bodies::a_malformed_event;
    15 "wrong content type, HTML, error in a 200" bodies::a_wrong_kind;
    16 "an empty answer" bodies::an_empty_answer;
    17 "filtered, and cut by length" refusals::withheld_and_cut;
    18 "a prompt too long" refusals::too_long;
    19 "endless bodies and events" bodies::endless;
    20 "a slow trickle" times::a_trickle;
    21 "the caller goes away" times::the_caller_leaves;
    22 "a slow reader" lives::a_slow_reader;
    23 "down, and back again" loads::down_and_back;
    24 "slow without errors" loads::slow_without_errors;
    25 "every tier down" loads::every_tier_down;
    26 "a thousand callers, a dead upstream" loads::a_storm;
    27 "a token limit and five callers" lives::a_token_limit;
    28 "a thousand identical calls" loads::identical_calls;
    29 "kill -9, full disk, clock set back" ends::what_ends_a_run;
    30 "a role fails for good" lives::a_role_fails;
    31 "settings reloaded under streams" lives::a_reload;
};

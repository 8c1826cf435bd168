//! A server for tests: throw-away credentials, seeded keys, a reset.

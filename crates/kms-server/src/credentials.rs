//! Access keys, and the principals whose they are.

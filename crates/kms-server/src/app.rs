//! Routes: which path is answered by what.

//! AWS Signature Version 4, the verifier's side.

//! The proxy API of AWS KMS external key stores, version 1.

//! Master keys behind any endpoint that speaks the AWS KMS API: AWS itself, or `kms serve`.

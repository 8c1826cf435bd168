//! AWS JSON 1.1: from a body to a typed request, and from its answer to a body.

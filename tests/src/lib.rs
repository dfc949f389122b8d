//! End-to-end, supervision, chaos and house-rule tests.

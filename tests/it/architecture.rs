//! Holds the floors to their rules.

//! What letters are about: the starter tree of categories, and the words that mean danger.

mod danger;
mod starter;

pub use danger::suspects_danger;
pub use starter::{STARTER, StarterCategory, StarterLeaf};

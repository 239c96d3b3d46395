//! One file per verb, each a recipe that reads top to bottom.

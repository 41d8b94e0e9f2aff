//! Both migration trees make the same tables, and take them back.

"""Where signatures come from: one module a source, and the formats of their files."""

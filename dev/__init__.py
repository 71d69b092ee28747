"""What the developers of sigid run; no part of the library."""

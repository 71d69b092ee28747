"""What is taken away from the warehouse: files that other tools read, and a manifest that says what they are."""

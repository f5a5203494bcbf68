"""Everything that a user can configure: architectures, variants, training, schedules and recipes."""

"""The tabs: what each reads of a session, and the orders that its controls send."""

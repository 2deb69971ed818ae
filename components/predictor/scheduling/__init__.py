"""Which rows run next, on which threads, in which batches; nothing here knows HTTP."""

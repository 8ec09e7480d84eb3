"""The language of generated programs: grammar, interpreter, printing, parsing."""

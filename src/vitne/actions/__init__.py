"""From events to actions: what is worth logging (`worth`)."""

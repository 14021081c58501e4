"""python -m vitne."""

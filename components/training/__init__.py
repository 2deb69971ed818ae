"""How the example models are made: export, head, quantisation, card, registration."""

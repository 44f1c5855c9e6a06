"""Operations: what a person or a program may ask of the service. Every entrypoint calls these."""

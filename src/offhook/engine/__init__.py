"""The sans-IO whole: messages and time in, actions and events out."""

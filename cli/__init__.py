"""The bakegate command: it parses arguments, calls the layers below and renders what they say."""

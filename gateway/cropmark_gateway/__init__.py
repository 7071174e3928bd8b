"""The farm box: spool, acknowledge, decode, flag, seal and relay what the field sensors say."""

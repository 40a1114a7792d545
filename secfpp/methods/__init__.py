"""Methods of prompt personalisation, one file each, with one interface."""

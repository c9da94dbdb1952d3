"""Pictures and masks as records name them: opened as a person sees them, within bounds."""

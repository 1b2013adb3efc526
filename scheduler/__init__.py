"""Reserved by the COSCO drop-in classes."""

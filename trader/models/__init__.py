"""What runs live: the compiled ensemble and its artefact. numpy and numba only."""

"""What a run is told: one frozen schema (`schema`), its files (`load`), its keywords (`shorthand`), its manual (`docs`)."""

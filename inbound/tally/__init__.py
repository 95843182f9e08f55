"""How much came in that changed nothing: forged, replayed, late, foreign; counted a day for the operator to see."""

"""`sojourn outbound`: what passes between us and a back end."""

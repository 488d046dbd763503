"""``python -m prsm_sim`` is the command `prsm`."""

from prsm_sim.cli.main import main

if __name__ == "__main__":
    main(prog_name="prsm")

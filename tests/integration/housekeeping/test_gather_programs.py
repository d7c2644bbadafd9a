"""Programs for another image are gathered with all that they need."""

import subprocess
from pathlib import Path

from tests.servers import find_program

SCRIPT = Path(__file__).parents[3] / "housekeeping" / "gather-programs.sh"


def test_gathered_programs_run_with_their_own_libraries_alone(tmp_path: Path) -> None:
    programs = ["mariadbd", "mariadb-dump", "mariadb"]
    path = ":".join({str(Path(find_program(name)).parent) for name in programs})
    gather = ["bash", str(SCRIPT), str(tmp_path), *programs]
    environment = {"PATH": f"{path}:/usr/bin:/bin"}
    subprocess.run(gather, env=environment, check=True, capture_output=True)
    (loader,) = (tmp_path / "lib").glob("ld-linux*")
    for name in programs:
        wrapped = [str(tmp_path / "bin" / name), "--version"]
        assert "MariaDB" in subprocess.check_output(wrapped, text=True)
        # As the wrapper does it, without the shell's own libraries.
        bare = [str(loader), "--library-path", str(tmp_path / "lib")]
        done = subprocess.run(
            [*bare, str(tmp_path / "programs" / name), "--version"],
            env={"LD_DEBUG": "libs"},
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = [line for line in done.stderr.splitlines() if "calling init: /" in line]
        assert loaded
        assert [line for line in loaded if str(tmp_path) not in line] == []

from local.pip import read_configuration


def test_a_commands_own_section_of_pips_configuration_wins() -> None:
    listed = "\n".join(
        [
            ":env:.index-url='of the environment'",
            "global.index-url='of all'",
            "global.trusted-host='a\\nb'",
            "install.index-url=\"of 'install'\"",
            "download.index-url='of another'",
        ]
    )
    assert read_configuration(listed, "install") == {
        "PIP_INDEX_URL": "of 'install'",
        "PIP_TRUSTED_HOST": "a\nb",
    }

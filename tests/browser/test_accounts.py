"""Accounts: signup, login, names, passwords, sessions, tokens, files, the end of an account."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.app import App
from tests.support.browser import (
    PASSWORD,
    Crowd,
    Person,
    add,
    box,
    crowd,
    go,
    items,
    log_out,
    menu,
    new_task,
    sent,
    shows,
)
from tests.support.command import run


def settings(page: Page) -> None:
    """Go to the account page."""
    menu(page, "Account settings")
    expect(page.get_by_role("heading", name="Account settings")).to_be_focused()


def section(page: Page, name: str):  # type: ignore[no-untyped-def]
    """One section of the account page."""
    return page.get_by_role("region", name=name)


def test_signup_logout_login(person: Person) -> None:
    """Somebody signs up, logs out, logs in, and the tasks are there."""
    page = person.sign_up()
    add(page, "buy tea")
    sent(page)
    log_out(page)
    person.log_in(person.username)
    expect(box(page, "buy tea")).to_be_visible()


def test_a_late_answer_to_a_logout_does_not_end_the_next_session(person: Person) -> None:
    """Who logs in while the logout before is still on its way stays logged in."""
    page = person.sign_up()
    held: list[Route] = []
    page.route("**/api/v1/session", lambda route: held.append(route) if not held else route.continue_())
    menu(page, "Log out")
    person.fill_in(page, person.username, PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_timeout(300)  # what came too early would be answered by now, most times
    assert [route.request.method for route in held] == ["DELETE"]
    held[0].continue_()
    add(page, "buy tea")
    sent(page)
    page.reload()
    expect(box(page, "buy tea")).to_be_visible()


def test_a_page_that_is_left_before_its_logout_is_answered(person: Person) -> None:
    """The session is over, its end is asked for once more when the page is opened, and the next login works."""
    page = person.sign_up()
    person.allowed = ("Failed to load resource: the server responded with a status of 401",)  # there is none to end
    page.route("**/api/v1/session", lambda route: route.fetch() and None, times=1)  # heard, and never answered
    with page.expect_request(lambda request: request.method == "DELETE"):
        menu(page, "Log out")
    page.get_by_role("button", name="Log in").wait_for()
    with page.expect_response(lambda response: response.request.method == "DELETE") as answer:
        page.reload()
    assert answer.value.status == 401
    person.log_in(person.username)


def test_nothing_is_asked_for_after_a_logout(person: Person) -> None:
    """What was on its way at a logout is given up: an answer that there is no session would be an error."""
    page = person.sign_up()
    changes = "**/api/v1/changes?*"
    page.route(changes, lambda route: None)  # it is never answered
    with page.expect_request(changes):
        page.evaluate("dispatchEvent(new Event('online'))")
    with page.expect_event("requestfailed", lambda request: "/changes" in request.url):
        menu(page, "Log out")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_links_change_between_the_forms(person: Person) -> None:
    """A link of the other form's name leads there, and Back leads back."""
    page = person.open()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    go(page, "Sign up")
    expect(page.get_by_role("button", name="Sign up")).to_be_visible()
    go(page, "Log in")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Sign up")).to_be_visible()


def test_fields_help_password_managers(person: Person) -> None:
    """The fields say what they are for; a password field hides what is typed."""
    page = person.open()
    field = page.get_by_label("Password")
    expect(page.get_by_role("textbox", name="Username")).to_have_attribute("autocomplete", "username")
    expect(field).to_have_attribute("autocomplete", "current-password")
    expect(field).to_have_attribute("type", "password")
    go(page, "Sign up")
    expect(page.get_by_label("Password")).to_have_attribute("autocomplete", "new-password")


def test_pasting_works(person: Person) -> None:
    """A password can be pasted."""
    page = person.open()
    page.get_by_role("textbox", name="Username").fill(PASSWORD)
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    page.get_by_label("Password").focus()
    page.keyboard.press("Control+v")
    expect(page.get_by_label("Password")).to_have_value(PASSWORD)


def test_errors_stand_beside_their_fields(people: Crowd) -> None:
    """A name that is taken, a password that is too short and an empty field are each told beside the field."""
    taken = people.person()
    taken.sign_up()
    person = people.person()
    person.allowed = ("Failed to load resource",)
    page = person.open("#/signup")
    button = page.get_by_role("button", name="Sign up")
    button.click()
    expect(page.get_by_role("textbox", name="Username")).to_have_accessible_description("Fill this in.")
    expect(page.get_by_role("textbox", name="Username")).to_be_focused()
    person.fill_in(page, taken.username, PASSWORD)
    button.click()
    name = page.get_by_role("textbox", name="Username")
    expect(name).to_have_accessible_description("This username is taken. Choose another one.")
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_value(taken.username)
    person.fill_in(page, f"{taken.username}-too", "short")
    button.click()
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Password")).to_be_focused()


def test_a_wrong_password(people: Crowd) -> None:
    """A login with a wrong password says so, and keeps what was typed."""
    known = people.person()
    known.sign_up()
    person = people.person()
    person.allowed = ("Failed to load resource",)
    page = person.open()
    person.fill_in(page, known.username, "seven red apples")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("Username or password is wrong.")
    expect(page.get_by_role("textbox", name="Username")).to_have_value(known.username)


NEW_PASSWORD = "nine green apples"


def reset_link(app: App, command: str, username: str) -> str:
    """Return the part behind the address of the one-time link that `tasks accounts add` or `reset-password` prints."""
    accounts = app.folder / "accounts.sqlite3"
    done = run("accounts", command, username, "--json", "--accounts-sqlite", str(accounts))
    assert done.returncode == 0, done.stderr
    return "#" + str(json.loads(done.stdout)["link"].partition("#")[2])


def paste(page: Page, link: str) -> None:
    """Paste a link into the address bar of a tab that has the page already: nothing is loaded anew."""
    page.evaluate("hash => { location.hash = hash }", link)


def set_password(page: Page, password: str) -> None:
    """Fill in the form of a one-time link, and send it."""
    page.get_by_label("New password", exact=True).fill(password)
    page.get_by_role("button", name="Set a new password").click()


def test_a_one_time_link(chromium: Browser, app: App) -> None:
    """An operator's link asks for a new password, which logs in; the link is seen nowhere, and is good for once."""
    link = reset_link(app, "add", "olga")
    with crowd(chromium, app.url) as people:
        person = people.person()
        person.allowed = ("Failed to load resource",)
        page = person.open(link)
        field = page.get_by_label("New password", exact=True)
        expect(field).to_be_focused()
        expect(field).to_have_attribute("autocomplete", "new-password")
        expect(field).to_have_attribute("type", "password")
        assert page.url == f"{app.url}/?lang=en#/"
        set_password(page, "short")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile("10"))
        expect(field).to_be_focused()
        set_password(page, NEW_PASSWORD)
        expect(page.get_by_role("status")).to_have_text("The new password is set. You can log in with it now.")
        person.fill_in(page, "olga", NEW_PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(new_task(page)).to_be_visible()
        page.goto("about:blank")
        page.go_back()
        expect(new_task(page)).to_be_visible()
        assert page.url == f"{app.url}/?lang=en#/"
        menu(page, "Log out")
        page.get_by_role("button", name="Log in").wait_for()
        paste(page, link)
        set_password(page, NEW_PASSWORD)
        expect(page.get_by_role("alert")).to_have_text("This link was used, or it has expired. Ask for a new one.")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_one_time_link_where_somebody_is_logged_in(chromium: Browser, app: App) -> None:
    """A link that is opened where its account is logged in asks for a new password, then for a login over the list."""
    with crowd(chromium, app.url) as people:
        person = people.person()
        person.allowed = ("Failed to load resource",)
        page = person.sign_up("olga")
        add(page, "buy tea")
        sent(page)
        link = reset_link(app, "reset-password", "olga")
        paste(page, link)
        expect(page.get_by_label("New password", exact=True)).to_be_focused()
        assert page.url == f"{app.url}/?lang=en#/"
        set_password(page, NEW_PASSWORD)
        dialog = page.get_by_role("dialog", name="Please log in again")
        dialog.get_by_label("Password").fill(NEW_PASSWORD)
        dialog.get_by_role("button", name="Log in").click()
        expect(dialog).to_have_count(0)
        expect(box(page, "buy tea")).to_be_visible()


def test_change_username(person: Person) -> None:
    """The username is changed with the password, and the new one logs in."""
    page = person.sign_up()
    settings(page)
    part = section(page, "Change username")
    part.get_by_label("New username").fill(f"{person.username}-new")
    part.get_by_label("Current password").fill(PASSWORD)
    part.get_by_role("button", name="Change username").click()
    expect(page.get_by_text("The username is changed.")).to_be_visible()
    log_out(page)
    person.log_in(f"{person.username}-new")


def test_change_password(person: Person) -> None:
    """The password is changed with the current one; a wrong one is told beside its field."""
    page = person.sign_up()
    person.allowed = ("Failed to load resource",)
    settings(page)
    part = section(page, "Change password")
    part.get_by_label("Current password").fill("seven red apples")
    part.get_by_label("New password").fill("nine green apples")
    part.get_by_role("button", name="Change password").click()
    expect(part.get_by_label("Current password")).to_have_accessible_description("This is not your password.")
    part.get_by_label("Current password").fill(PASSWORD)
    part.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("The password is changed.")).to_be_visible()
    log_out(page)
    person.log_in(person.username, "nine green apples")


def test_sessions(people: Crowd) -> None:
    """Sessions are listed, and another one can be ended: that browser asks for the password."""
    here, there = people.person(), people.person()
    page = here.sign_up()
    other = there.log_in(here.username)
    there.allowed = ("Failed to load resource",)
    settings(page)
    part = section(page, "Sessions")
    expect(part.get_by_role("listitem")).to_have_count(2)
    expect(part.get_by_text("this one")).to_have_count(1)
    part.get_by_role("button", name="End the session of").click()
    expect(part.get_by_role("listitem")).to_have_count(1)
    expect(other.get_by_role("dialog", name="Please log in again")).to_be_visible()


def test_tokens(person: Person) -> None:
    """A token is made, shown once, listed, and revoked."""
    page = person.sign_up()
    settings(page)
    part = section(page, "Tokens")
    part.get_by_label("Name of the token").fill("backup")
    part.get_by_label("It may").select_option("write")
    part.get_by_role("button", name="Make a token").click()
    expect(part.get_by_text("Copy the token now")).to_be_visible()
    assert part.locator("code").inner_text().startswith("tt_")
    expect(part.get_by_role("listitem")).to_contain_text("backup")
    expect(part.get_by_role("listitem")).to_contain_text("read and write")
    page.reload()
    expect(part.get_by_role("listitem")).to_have_count(1)
    expect(part.locator("code")).to_have_count(0)
    part.get_by_role("button", name="Revoke the token backup").click()
    expect(part.get_by_role("listitem")).to_have_count(0)


def test_delete_account(person: Person) -> None:
    """The account is deleted with the password: nothing is left here, and it cannot be logged into."""
    page = person.sign_up()
    add(page, "buy tea")
    sent(page)
    settings(page)
    person.allowed = ("Failed to load resource",)
    part = section(page, "Delete account")
    part.get_by_label("Current password").fill(PASSWORD)
    part.get_by_role("button", name="Delete account").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    person.fill_in(page, person.username, PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("Username or password is wrong.")


@pytest.mark.parametrize("format", ["JSON Lines", "CSV"])
def test_download_and_upload(people: Crowd, tmp_path: Path, format: str) -> None:
    """What is downloaded can be uploaded into another account: the same tasks in the same order."""
    here = people.person()
    page = here.sign_up()
    tricky = ["buy tea", 'say "hi", twice', "<b>bold</b>", "ünïcode ✓"]
    add(page, *tricky)
    box(page, "buy tea").check()
    sent(page)
    settings(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download as {format}").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    if format == "JSON Lines":
        assert [json.loads(line)["name"] for line in file.read_text().splitlines()] == tricky[::-1]
    other = people.person().sign_up()
    settings(other)
    other.get_by_label("Upload a file").set_input_files(file)
    expect(other.get_by_text("4 tasks added.")).to_be_visible()
    go(other, "Back to the tasks")
    shows(other, tricky[::-1])
    expect(box(other, "buy tea")).to_be_checked()
    sent(other)
    other.reload()
    expect(items(other)).to_have_count(4)
    shows(other, tricky[::-1])


def test_a_file_with_a_bad_line(person: Person, tmp_path: Path) -> None:
    """A file with a line that is no task adds nothing, and the line is named."""
    page = person.sign_up()
    settings(page)
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"name": "buy tea"}\nnonsense\n')
    page.get_by_label("Upload a file").set_input_files(file)
    expect(page.get_by_text("Line 2 is not a task. Nothing was added.")).to_be_visible()
    go(page, "Back to the tasks")
    expect(new_task(page)).to_be_visible()
    expect(items(page)).to_have_count(0)


def test_logged_in_in_one_tab_is_in_all(person: Person) -> None:
    """Who logs in in one tab is logged in in the others."""
    other = person.tab()
    expect(other.get_by_role("button", name="Log in")).to_be_visible()
    person.sign_up()
    expect(new_task(other)).to_be_visible()

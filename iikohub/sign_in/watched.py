"""What of the second step decides whether an open page of the console still has its reader."""

from console.pages.watchers import also_decided_by

also_decided_by(
    {
        "second_factors": "user_id = %(user)s",
        "two_step_groups": "group_id IN (SELECT group_id FROM auth_user_groups WHERE user_id = %(user)s)",
        "sign_outs": "user_id = %(user)s",
    }
)

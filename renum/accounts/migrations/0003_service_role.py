"""The service scope becomes a role; tables made from now on have its policy from the beginning."""

from django.db import migrations

SWITCH = """
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT tablename, policyname FROM pg_policies
    WHERE schemaname = 'public' AND policyname LIKE 'Service scope has full access to %' AND roles = '{renum_app}'
  LOOP
    EXECUTE format('ALTER POLICY %I ON %I TO renum_service USING (true)', found.policyname, found.tablename);
  END LOOP;
END $$;
"""
BACK = """
DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT tablename, policyname FROM pg_policies
    WHERE schemaname = 'public' AND policyname LIKE 'Service scope has full access to %' AND roles = '{renum_service}'
  LOOP
    EXECUTE format(
      'ALTER POLICY %I ON %I TO renum_app USING ((SELECT current_setting(%L, true)) = %L)',
      found.policyname, found.tablename, 'renum.service_scope', 'on'
    );
  END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_periodic_tasks")]

    operations = [migrations.RunSQL(SWITCH, BACK)]
